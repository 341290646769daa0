return {'filter_user_params': 1}
