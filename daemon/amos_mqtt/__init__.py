"""MQTT for whoever of us speaks it: where the broker is, and one client."""
