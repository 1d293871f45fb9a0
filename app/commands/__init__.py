"""The commands of `dmae`: one module each, which loads what it needs when it is called."""
