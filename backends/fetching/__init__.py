"""Parts that are published elsewhere: where they come from, fetched, checked, converted once.

``source`` says what a bundle.json may ask for and ``cache`` where the outcome lies; both are
light, since every bundle needs them. ``index`` finds an archive in a package index, ``download``
brings it here, ``archives`` reads its named members, ``hub`` does the same for the model hub,
``conversion`` makes them a part, and ``pull`` does all of it in turn.
"""
