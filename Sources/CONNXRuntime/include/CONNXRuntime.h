#ifndef CONNXRuntime_H
#define CONNXRuntime_H
#endif
