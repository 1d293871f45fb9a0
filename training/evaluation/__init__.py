"""Tables, figures and plots of certified accuracy."""
