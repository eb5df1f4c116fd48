/* Stands in for access to registers. */
#ifndef XIL_IO_H
#define XIL_IO_H

#include "xaxidma.h"

#ifdef __cplusplus
extern "C"
#endif
    void
    Xil_Out32(UINTPTR address, u32 value);

#endif
