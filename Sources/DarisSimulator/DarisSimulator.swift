// DarisSimulator
