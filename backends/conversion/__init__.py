"""Published weights in other programs' formats -> state dicts of this program's networks.

Each module reads one format, each ``convert`` takes the files by their base names and gives the
tensors of one network. Nothing of a package is run and no pickle is loaded.
"""
