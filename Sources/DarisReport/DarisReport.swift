// DarisReport
