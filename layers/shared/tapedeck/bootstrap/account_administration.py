"""The decorator of the functions that administer accounts.

A separate module: HTTP functions do not load administration.
"""

from tapedeck.admin.endpoint import AdminEndpoint
from tapedeck.bootstrap.http import get_admin_services

account_admin_function = AdminEndpoint(get_admin_services)
