"""Where outputs lie: folders of this machine and object stores, behind one interface."""
