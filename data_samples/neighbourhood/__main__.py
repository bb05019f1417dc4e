"""``python -m data_samples.neighbourhood`` writes the CSV files of the sample anew."""

from __future__ import annotations

from data_samples.neighbourhood.build import write_sample


def main() -> None:
    """Writes the sample and says where."""
    for path in write_sample():
        print(path)


if __name__ == "__main__":
    main()
