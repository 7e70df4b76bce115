"""Mirror of executorch.extension.export_util.utils: saving programs."""

import logging
import os


def save_pte_program(prog, model_name, output_dir=""):
    """Writes a program to `output_dir`; ".pte" is added to `model_name` when it is missing. Returns the file's name."""
    filename = model_name if model_name.endswith(".pte") else os.path.join(output_dir, f"{model_name}.pte")
    with open(filename, "wb") as file:
        prog.write_to_file(file)
    prog.write_tensor_data_to_file(outdir=output_dir)
    logging.getLogger(__name__).info("Saved exported program to %s", filename)
    return filename
