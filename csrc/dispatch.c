/* The ISAs that were built, and which of them this machine can run. Compiled with baseline flags. */
#include "fnn_kernels.h"

#define FNN_ISA(name, usable) extern const fnn_isa fnn_isa__##name;
#include "isa.def"
#undef FNN_ISA

static const fnn_isa *const built[] = {
#define FNN_ISA(name, usable) &fnn_isa__##name,
#include "isa.def"
#undef FNN_ISA
};

static const int n_built = sizeof built / sizeof built[0];

const fnn_isa *fnn_isa_built(int i)
{
    return i >= 0 && i < n_built ? built[i] : NULL;
}

int fnn_isa_usable(int i)
{
    int usable[] = {
#define FNN_ISA(name, usable) (usable) != 0,
#include "isa.def"
#undef FNN_ISA
    };
    return i >= 0 && i < n_built ? usable[i] : 0;
}
