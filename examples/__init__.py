"""Programs that show HALO sidecar at work; product code never imports them."""
