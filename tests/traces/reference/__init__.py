"""What the reference model stands on: the text form, the context reader, the comparison rule."""
