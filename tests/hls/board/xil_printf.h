/* Stands in for printing over a serial line. */
#include <stdio.h>
#define xil_printf printf
