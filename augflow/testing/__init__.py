"""What a transform, a recipe package and an executor promise, as tests that their authors inherit.

    from augflow.testing import ExecutorContract, RecipeContract, TransformContract

    class TestFog(TransformContract):
        transform = Fog(), Fog(density=(0.0, 1.0))

    class TestRecipes(RecipeContract):
        project = Path(__file__).parents[1]

    class TestCluster(ExecutorContract):
        def executor(self, **settings: Any) -> Executor:
            return ClusterExecutor(workers=2, **settings)

pytest finds the inherited tests; each holds for every instance, file or executor. They need nothing but augflow and
pytest.
"""

from augflow.testing.executors import ExecutorContract
from augflow.testing.recipes import RecipeContract
from augflow.testing.transforms import TransformContract, draws, images

__all__ = ["ExecutorContract", "RecipeContract", "TransformContract", "draws", "images"]
