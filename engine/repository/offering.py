"""To whom the tools of a checkout are offered: a tool that can only fail costs turns."""

from engine.repository.git import is_work_tree
from engine.tooling import ConfiguredTool, Settings, Work


class RepositoryTool(ConfiguredTool[Settings]):
    """A tool that reads the files of a checkout."""

    def offered(self, work: Work) -> bool:
        """Where there is a checkout."""
        return work.repository is not None


class HistoryTool(ConfiguredTool[Settings]):
    """A tool that reads the history of a checkout."""

    def offered(self, work: Work) -> bool:
        """Where git knows the checkout."""
        return work.repository is not None and is_work_tree(work.repository)
