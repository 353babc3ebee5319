"""What a person wants to see beside the figures that the gates judge: report.json, and report.html made from it."""
