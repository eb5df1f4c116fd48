// The board that the stand-ins in this folder make up: the emitted C++ behind a DMA engine, and files in place of a card.
#include "net.h"

#include "ff.h"
#include "xaxidma.h"
#include "xil_io.h"
#include "xparameters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static u32 words, started;
static UINTPTR target;
static u32 target_bytes;
static u32 registers[16];

static void expect(bool holds, const char *what) {
    if (holds) return;
    printf("board: %s\n", what);
    exit(9);
}

void Xil_Out32(UINTPTR address, u32 value) {
    if (address == XPAR_WORDS_BASEADDR) words = value;
    else if (address == XPAR_ACCELERATOR_BASEADDR) started = value;
    else if (address < XPAR_ACCELERATOR_BASEADDR + sizeof registers) registers[(address & 0xFF) / 4] = value;
    else expect(false, "an address that is no cell's");
}

XAxiDma_Config *XAxiDma_LookupConfig(UINTPTR device) {
    static XAxiDma_Config config;
#ifdef SDT
    return device == XPAR_DMA_BASEADDR ? &config : NULL;
#else
    return device == XPAR_DMA_DEVICE_ID ? &config : NULL;
#endif
}

int XAxiDma_CfgInitialize(XAxiDma *dma, XAxiDma_Config *) {
    dma->initialized = 1;
    return XST_SUCCESS;
}

int XAxiDma_HasSg(XAxiDma *) {
    return 0;
}

void XAxiDma_IntrDisable(XAxiDma *, u32, int) {}

u32 XAxiDma_Busy(XAxiDma *, int) {
    return 0;
}

// A word of the stream from or to the bytes of memory, the first of them lowest.
template <class T, int BITS> static T load(const unsigned char *bytes) {
    T word = 0;
    for (int i = 0; i < BITS / 8; i++) word(8 * i + 7, 8 * i) = bytes[i];
    return word;
}

template <class T, int BITS> static void store(unsigned char *bytes, T word) {
    for (int i = 0; i < BITS / 8; i++) bytes[i] = (unsigned char)word(8 * i + 7, 8 * i).to_uint();
}

#if MEMORIES
// The array to whose first word two registers point.
static const uint64_t *words_at(u32 reg) {
    return (const uint64_t *)((uint64_t)registers[reg / 4 + 1] << 32 | registers[reg / 4]);
}
#endif

u32 XAxiDma_SimpleTransfer(XAxiDma *dma, UINTPTR buffer, u32 length, int direction) {
    const int IN = net_in_t::width, OUT = net_out_t::width;
    expect(dma->initialized && (!HAS_REGISTERS || started == 0x81), "nothing was started");
    expect(buffer % 64 == 0, "a buffer that does not begin at a cache line");
    if (direction == XAXIDMA_DEVICE_TO_DMA) {
        target = buffer, target_bytes = length;
        return XST_SUCCESS;
    }
    const u32 in_words = net_inputs / net_in_lanes, out_words = net_outputs / net_out_lanes;
    const u32 samples = length / (in_words * IN / 8);
    expect(words == samples * out_words, "a packet of another length than the samples");
    expect(target_bytes == samples * out_words * OUT / 8, "a target of another length than the samples");
    for (u32 sample = 0; sample < samples; sample++) {
        hls::stream<net_in_t> in;
        hls::stream<net_out_t> out;
        for (u32 i = 0; i < in_words; i++, buffer += IN / 8)
            in.write(load<net_in_t, IN>((const unsigned char *)buffer));
#if MEMORIES == 0
        net_top(in, out);
#elif MEMORIES == 1
        net_top(in, out, words_at(0x10));
#else
        net_top(in, out, words_at(0x10), words_at(0x1C));
#endif
        for (u32 i = 0; i < out_words; i++, target += OUT / 8)
            store<net_out_t, OUT>((unsigned char *)target, out.read());
    }
    return XST_SUCCESS;
}

FRESULT f_mount(FATFS *, const char *path, int) {
    return strcmp(path, "0:/") == 0 ? FR_OK : FR_NO_FILE;
}

FRESULT f_open(FIL *file, const char *path, int mode) {
    file->file = fopen(path + 3, mode & FA_WRITE ? "wb" : "rb");
    return file->file != NULL ? FR_OK : FR_NO_FILE;
}

FRESULT f_read(FIL *file, void *data, UINT size, UINT *moved) {
    *moved = (UINT)fread(data, 1, size, (FILE *)file->file);
    return FR_OK;
}

FRESULT f_write(FIL *file, const void *data, UINT size, UINT *moved) {
    *moved = (UINT)fwrite(data, 1, size, (FILE *)file->file);
    return FR_OK;
}

FRESULT f_close(FIL *file) {
    return fclose((FILE *)file->file) == 0 ? FR_OK : FR_NO_FILE;
}
