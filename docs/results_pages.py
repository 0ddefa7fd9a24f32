"""The pages of the results: every table that is made from results/."""

import pathlib

from docs import made_tables, tables
from keraslight.report import markdown_table

RESULTS = pathlib.Path(__file__).parent.parent / "results"
REPOSITORY = "https://github.com/keraslight/keraslight"
EARLIER = (
    "The networks were trained by an earlier version of the program, whose random flip depended on "
    "the crop, whose weight decay also acted on the normalizations of RefCO, and which held out no "
    "training images: the commands give other figures today."
)
# table of docs/tables.py: title of its page, what it says
TABLES = {
    "imagenette": (
        "Imagenette",
        "Networks trained alike on Imagenette (ten classes, 9,469 training images) and evaluated "
        "on 1,975 images, one seed; 1 % is 20 images. " + EARLIER,
    ),
    "int8": (
        "int8",
        "Top-1 accuracy of the same networks in int8, on the same 1,975 images. " + EARLIER,
    ),
    "replacement": (
        "Kernel replacement",
        "Learned depthwise kernels that resemble a fixed kernel are replaced by it, without "
        "further training. " + EARLIER,
    ),
}
# file: the title of its page
FILES = {
    "latency_amd_epyc_avx2.md": "Latency, AVX2",
    "latency_amd_epyc.md": "Latency, AVX512 and VNNI",
    "latency_intel_xeon.md": "Latency, AMX",
    "int8_imagenette.md": "int8 in detail",
    "forms_by_choice.md": "Forms on all machines",
    "forms_amd_epyc_avx2.md": "Forms, AVX2",
    "forms_amd_epyc.md": "Forms, AVX512 and VNNI",
    "forms_intel_xeon.md": "Forms, AMX",
    "runtimes.md": "Other runtimes",
    "kernel_census.md": "Census of kernels",
}


def pages() -> dict[str, tuple[str, str]]:
    """Returns the pages of the results: path and Markdown by title."""
    made = {"Overview": ("results/index.md", _overview())}
    made["Models"] = ("results/models.md", models_page())
    for name, (title, text) in TABLES.items():
        page = f"# {title}\n\n{text}\n\n{tables.TABLES[name]()}\n"
        made[title] = (f"results/{name}.md", page)
    for file, title in FILES.items():
        text = f"# {title}\n\n{(RESULTS / file).read_text()}"
        made[title] = (f"results/{file}", text)
    return made


def models_page() -> str:
    """Returns the page of all models: their cost, published accuracy, licence and source."""
    return (
        "# Models\n\nAll of `keraslight.list_models()`. Parameters and multiply-adds (MACs) are "
        "those of the network as it is trained and after `fuse`, with 1000 classes and the input "
        "size of the network's default. The accuracy is top-1 on the 50,000 validation images of "
        "ImageNet; the table names the source. A network without an accuracy has no "
        "published weights.\n\n"
        "The licence is that of the weights. Where none is stated, ask the authors before you use "
        f"them for more than research. See [licences](../licences.md).\n\n{models_table()}\n"
    )


def models_table() -> str:
    """Returns the table of all models."""
    rows = [
        {
            "model": f"`{row['model']}`",
            "parameters (M)": int(row["parameters"]) / 1e6,
            "fused (M)": int(row["fused_parameters"]) / 1e6,
            "MACs (M)": int(row["macs"]) / 1e6,
            "fused MACs (M)": int(row["fused_macs"]) / 1e6,
            "top-1, published (%)": float(row["top1"]) if row["top1"] else None,
            "licence": row["licence"],
            "measured by": row["top1_source"],
        }
        for row in made_tables.read_csv("models.csv")
    ]
    formats = {
        **dict.fromkeys(("parameters (M)", "fused (M)"), ".2f"),
        **dict.fromkeys(("MACs (M)", "fused MACs (M)"), ".0f"),
        "top-1, published (%)": ".1f",
    }
    return markdown_table(rows, formats, missing="")


def _overview():
    files = sorted(path.name for path in RESULTS.iterdir() if path.is_file())
    listed = "\n".join(f"- [`{name}`]({REPOSITORY}/blob/main/results/{name})" for name in files)
    return (
        "# Results\n\nEvery number in this documentation is made by a program, which wrote it into "
        "a file of the folder `results` of the repository. Each file, or the .record.json beside "
        "it, states its command; where the commit is unknown, it was measured before records were "
        f"kept. The pages of this section are made from these files:\n\n{listed}\n"
    )
