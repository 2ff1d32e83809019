// DarisONNX
