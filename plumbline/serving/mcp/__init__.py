"""Agents ask here: the Model Context Protocol, over standard input and output or HTTP.

Nothing is imported with this package: the protocol's library takes half a second.
`stdio.run_stdio` serves one client, `web.McpApp` is the app to mount in a web server.
"""
