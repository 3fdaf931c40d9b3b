"""Clusters of every profile on processors that are wanted ten times over: nothing may move."""
