from .hugging_face import hugging_face_callback as hugging_face_callback
from .lightning import lightning_callback as lightning_callback
from .loop_accounts import LoopAccounts as LoopAccounts, values_to_log as values_to_log
from .pythae import pythae_callback as pythae_callback
