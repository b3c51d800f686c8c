"""Pages of recipients.

- `offers`: a share by its link, and «Delt med meg»
"""
