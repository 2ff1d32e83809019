#include "CDarisSystem.h"
