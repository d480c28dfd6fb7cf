"""The HTTP connector: dlt's REST client pages and signs in; patience, strictness and storing are ours."""
