#ifndef CDarisSystem_H
#define CDarisSystem_H
#endif
