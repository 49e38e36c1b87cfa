"""Asks OpenAI-compatible model servers: many requests in flight, each answer kept."""
