"""Results of malware scans, and decisions about them.

- `held_documents`: releases documents that the scan policy holds
- `scan_records`: details of malware scans, and decisions to release
- `verdicts`: reads inspection results
"""
