"""Many runs on few networks: the engine, the networks kept warm, and the studio in front of them."""
