"""What boto3_control_plane.py drives, one file a noun.

Each file has stories; a story makes what it needs, checks it field by field, and takes it away again, so that at the
end the registry holds nothing.
"""
