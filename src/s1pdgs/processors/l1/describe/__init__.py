"""What a Level-1 product says about itself: the annotation data sets filled from a processed channel."""
