"""Speed against a peer, a command each; figures are ratios measured in one run."""
