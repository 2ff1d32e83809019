print("daris")
