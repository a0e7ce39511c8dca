from .annotations import Annotations as Annotations, Rows as Rows
from .batch import Batch as Batch
from .columns import Column as Column, TableColumn as TableColumn
from .dataset import Dataset as Dataset
from .examples import Examples as Examples, InMemory as InMemory
from .load import load_data as load_data
from .side import Side as Side, SideVariable as SideVariable
from .sources import (
    FORMATS as FORMATS,
    OBJECTS as OBJECTS,
    SOURCES as SOURCES,
    Format as Format,
    Source as Source,
)
from .value_range import ValueRange as ValueRange
