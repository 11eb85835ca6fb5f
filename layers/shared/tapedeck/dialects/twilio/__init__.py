"""Twilio's dialect: resources, errors and callbacks."""
