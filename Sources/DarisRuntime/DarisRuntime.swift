// DarisRuntime
