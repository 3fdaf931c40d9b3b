"""Bytes: frames, messages, datagrams and records. Pure; the sockets are in shell."""
