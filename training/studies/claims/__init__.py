"""Which of the papers' claims do trainings on Imagenette show? See README.md."""
