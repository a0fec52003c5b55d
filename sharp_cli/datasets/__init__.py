"""View pairs and photos from files: posed folders, Middlebury, Booster."""
