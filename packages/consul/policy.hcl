# The least that a node of a cluster needs, with the default prefix and service. For one cluster only, write
# "autocluster/NAME/" in the first rule; for one agent only, the agent's node name in place of "" in session and node.

# Members, locks and record.
key_prefix "autocluster/" {
  policy = "write"
}

# One session per registration and per lock, made on the node of the agent.
session_prefix "" {
  policy = "write"
}

# The service by which DNS, the UI and templates find the members, and its checks.
service "autocluster" {
  policy = "write"
}

# A registration is read back from the catalog, which shows only services of nodes that may be read.
node_prefix "" {
  policy = "read"
}
