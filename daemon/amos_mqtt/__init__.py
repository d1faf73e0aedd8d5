"""What courier and ledger share of MQTT."""
