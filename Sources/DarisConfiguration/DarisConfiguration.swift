// DarisConfiguration
