"""Where change is allowed: attribution cells, boxes, masks."""
