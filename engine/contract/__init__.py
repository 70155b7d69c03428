"""What a model may say: findings with claims that are checked, and a text whose numbers are claims."""
