/* Stands in for FatFs: the card is the current folder. */
#ifndef FF_H
#define FF_H

typedef unsigned int UINT;
typedef struct {
    int mounted;
} FATFS;
typedef struct {
    void *file;
} FIL;
typedef enum { FR_OK = 0, FR_NO_FILE = 4 } FRESULT;
enum { FA_READ = 1, FA_WRITE = 2, FA_CREATE_ALWAYS = 8 };

#ifdef __cplusplus
extern "C" {
#endif
FRESULT f_mount(FATFS *card, const char *path, int now);
FRESULT f_open(FIL *file, const char *path, int mode);
FRESULT f_read(FIL *file, void *data, UINT size, UINT *moved);
FRESULT f_write(FIL *file, const void *data, UINT size, UINT *moved);
FRESULT f_close(FIL *file);
#ifdef __cplusplus
}
#endif

#endif
