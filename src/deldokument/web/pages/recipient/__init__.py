"""Pages of recipients.

- `offers`: a share by its link, and «Delt med meg»
- `programs`: lets a program receive the documents of a share
"""
