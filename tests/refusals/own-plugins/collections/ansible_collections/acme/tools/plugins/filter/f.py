return {'squash': 1}
