"""The ingredient label of a dataset: its form, making one of a judged scan, merging, and tracing through many.

``form`` has the types alone, ``reading`` what a label's file must be, ``records`` and ``canonical`` the digests of a
dataset, ``tallying`` the shares, ``contents`` the file beside a label that ``tracing`` asks.
"""
