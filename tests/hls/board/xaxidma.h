/* Stands in for Xilinx' driver of the AXI DMA engine, in simple mode. */
#ifndef XAXIDMA_H
#define XAXIDMA_H

#include <stdint.h>

typedef uint32_t u32;
typedef uintptr_t UINTPTR;
typedef struct {
    int id;
} XAxiDma_Config;
typedef struct {
    int initialized;
} XAxiDma;

enum { XST_SUCCESS = 0, XST_FAILURE = 1 };
enum { XAXIDMA_DMA_TO_DEVICE = 0, XAXIDMA_DEVICE_TO_DMA = 1 };
#define XAXIDMA_IRQ_ALL_MASK 0x00007000

#ifdef __cplusplus
extern "C" {
#endif
XAxiDma_Config *XAxiDma_LookupConfig(UINTPTR device);
int XAxiDma_CfgInitialize(XAxiDma *dma, XAxiDma_Config *config);
int XAxiDma_HasSg(XAxiDma *dma);
void XAxiDma_IntrDisable(XAxiDma *dma, u32 mask, int direction);
u32 XAxiDma_SimpleTransfer(XAxiDma *dma, UINTPTR buffer, u32 length, int direction);
u32 XAxiDma_Busy(XAxiDma *dma, int direction);
#ifdef __cplusplus
}
#endif

#endif
