"""The judge learns, comes back from its files, and its distance is Frechet's. On digits drawn here."""

import json

import pytest
import torch
from drawn_digits import drawn_digits

from mnist_models import classifier, data, zoo
from mnist_models.frechet import frechet_distance, gaussian_distance, moments

shipped = pytest.mark.skipif(
    not (zoo.FOLDER / classifier.NAME / "model.json").exists(),
    reason="no classifier is shipped in checkpoints/mnist",
)
real_digits = pytest.mark.skipif(not data.available(), reason="$MNIST_DIR does not hold the four MNIST files")


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


def gaussian(count: int, mean: torch.Tensor, root: torch.Tensor, rng) -> torch.Tensor:
    """`count` rows whose mean is exactly `mean` and whose covariance is exactly root root^T, in float64."""
    z = torch.randn(count, len(mean), generator=rng, dtype=torch.float64)
    z -= z.mean(dim=0)
    whiten = torch.linalg.inv(torch.linalg.cholesky(z.T @ z / (count - 1))).T
    return z @ whiten @ root.T + mean


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A classifier trained by the command's own `run` on 640 drawn digits, and where it lies."""
    root = tmp_path_factory.mktemp("mnist")
    args = classifier.options(["--cpu", "--out", str(root)])
    args.load = {"train": drawn_digits(640, seed=0), "test": drawn_digits(200, seed=1)}.__getitem__
    recipe = classifier.Recipe(epochs=6, batch=32)
    return root, classifier.run(recipe, args)


def test_it_learns_to_read_and_says_how_well(trained):
    root, quality = trained
    about = zoo.facts("classifier", root)
    assert quality["test_accuracy"] > 0.9 and quality["test_digits"] == 200
    assert about["quality"] == quality
    assert about["made"]["steps"] == 120 and about["made"]["samples"] == 3840
    assert about["recipe"]["batch"] == 32
    assert (root / "classifier" / "weights.safetensors").stat().st_size < 10_000_000
    again = classifier.accuracy(classifier.load(root), *drawn_digits(200, seed=1))
    assert again == pytest.approx(quality["test_accuracy"])


def test_judging_in_parts_is_judging_at_once(trained):
    net = classifier.load(trained[0])
    pictures = data.as_pictures(drawn_digits(23, seed=2)[0])
    digits, features = classifier.judge(net, pictures, batch=5)
    assert features.shape == (23, classifier.FEATURES) and digits.dtype == torch.int64
    torch.testing.assert_close(net.features(pictures), features, rtol=1e-4, atol=1e-4)
    assert torch.equal(net(pictures).argmax(dim=1), digits)


def test_accuracy_is_the_share_read_as_labelled(trained):
    net = classifier.load(trained[0])
    images, _ = drawn_digits(50, seed=3)
    read, _ = classifier.judge(net, data.as_pictures(images))
    labels = read.clone()
    labels[:10] = (labels[:10] + 1) % 10
    assert classifier.accuracy(net, images, labels) == pytest.approx(0.8)


@pytest.mark.parametrize("damage", ["cut", "gone", "of another network"])
def test_damaged_weights_are_a_sentence(trained, damage, tmp_path):
    for path in (trained[0] / "classifier").iterdir():
        (tmp_path / "classifier").mkdir(exist_ok=True)
        (tmp_path / "classifier" / path.name).write_bytes(path.read_bytes())
    weights = tmp_path / "classifier" / "weights.safetensors"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "gone":
        weights.unlink()
    else:
        zoo.save_tensors(tmp_path / "classifier", "weights", torch.nn.Linear(2, 2).state_dict())
    with pytest.raises(zoo.CheckpointError, match=r"make it: python -m mnist_models\.classifier$"):
        classifier.load(tmp_path)


def test_dry_run_prints_the_recipe_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    classifier.main(["--dry-run", "--epochs", "2", "--out", str(tmp_path / "out")])
    assert json.loads(capsys.readouterr().out)["recipe"]["epochs"] == 2
    assert not list(tmp_path.iterdir())


def test_missing_digits_end_the_command_with_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match="Put the four MNIST files there"):
        classifier.main(["--cpu", "--data", str(tmp_path), "--out", str(tmp_path)])


def test_augmentation_by_nothing_is_the_picture(rng):
    x = data.as_pictures(drawn_digits(8, seed=4)[0])
    still = classifier.Recipe(turn=0, scale=0, shift=0)
    torch.testing.assert_close(classifier.augmented(x, still, rng), x, atol=1e-5, rtol=0)


def test_augmentation_shifts_by_pixels_and_turns_by_degrees(rng):
    """A dot d pixels right of the centre stays within what the recipe allows, and the bounds are reached."""
    dots = torch.zeros(500, 1, 28, 28)
    dots[:, 0, 13:15, 22:24] = 1  # around (9, 0), seen from the centre
    middle = torch.arange(28) - 13.5

    def place(recipe):
        seen = classifier.augmented(dots, recipe, rng)[:, 0]
        total = seen.sum(dim=(1, 2))
        return (seen.sum(dim=1) * middle).sum(1) / total, (seen.sum(dim=2) * middle).sum(1) / total

    across, down = place(classifier.Recipe(turn=0, scale=0, shift=2))
    for moved in (across - 9, down):
        assert 1.9 < float(moved.abs().max()) < 2.01 and abs(float(moved.mean())) < 0.2
    across, down = place(classifier.Recipe(turn=12, scale=0, shift=0))
    angle = torch.rad2deg(torch.atan2(down, across))
    assert 11 < float(angle.abs().max()) < 12.5 and abs(float(angle.mean())) < 1
    torch.testing.assert_close((across**2 + down**2).sqrt(), torch.full((500,), 9.0), atol=0.1, rtol=0)
    across, _ = place(classifier.Recipe(turn=0, scale=0.1, shift=0))
    assert 8.1 < float(across.min()) < 8.3 and 9.8 < float(across.max()) < 10.05


def test_a_set_is_at_distance_0_from_itself(rng):
    features = torch.randn(300, 16, generator=rng)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(features, features.flip(0)) == pytest.approx(0, abs=1e-9)


def test_the_distance_of_gaussians_that_commute_is_the_formula(rng):
    """Same axes: d2 = |mu_a - mu_b|^2 + sum (s_a - s_b)^2 over the standard deviations."""
    axes = torch.linalg.qr(torch.randn(6, 6, generator=rng, dtype=torch.float64)).Q
    s_a, s_b = torch.tensor([1.0, 2, 3, 4, 5, 6]).double(), torch.tensor([2.0, 2, 1, 7, 5, 0.1]).double()
    mu_a, mu_b = torch.zeros(6).double(), torch.arange(6).double()
    a = gaussian(500, mu_a, axes @ s_a.diag(), rng)
    b = gaussian(400, mu_b, axes @ s_b.diag(), rng)
    expected = float((mu_a - mu_b).square().sum() + (s_a - s_b).square().sum())
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_the_distance_of_gaussians_that_do_not_commute_is_the_formula(rng):
    """Against tr (S_a S_b)^1/2 through the eigenvalues of the product itself, which are real and positive."""
    roots = torch.randn(2, 5, 5, generator=rng, dtype=torch.float64)
    cov_a, cov_b = (root @ root.T for root in roots)
    mu_a, mu_b = torch.randn(2, 5, generator=rng, dtype=torch.float64)
    shared = torch.linalg.eigvals(cov_a @ cov_b).real.sqrt().sum()
    expected = (mu_a - mu_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * shared
    assert gaussian_distance(mu_a, cov_a, mu_b, cov_b) == pytest.approx(float(expected), rel=1e-8)
    assert gaussian_distance(mu_b, cov_b, mu_a, cov_a) == pytest.approx(float(expected), rel=1e-8)


def test_a_singular_covariance_is_no_trouble(rng):
    """Fewer samples than features, where S_a S_b has no well-behaved square root."""
    few, many = torch.randn(10, 32, generator=rng), torch.randn(1000, 32, generator=rng)
    assert 0 < frechet_distance(few, many) < 100
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(few[:, :1] * 0, many[:, :1] * 0) == 0


def test_moments_are_mean_and_covariance_and_refuse_what_is_none(rng):
    x = torch.randn(50, 4, generator=rng)
    mean, covariance = moments(x)
    torch.testing.assert_close(mean, x.double().mean(0))
    torch.testing.assert_close(covariance, torch.cov(x.double().T))
    with pytest.raises(ValueError, match=r"\[N,F\] with N at least 2"):
        moments(x[:1])
    with pytest.raises(ValueError, match="finite"):
        moments(x / 0)
    with pytest.raises(ValueError, match="feature sizes differ: 4 and 3"):
        frechet_distance(x, x[:, :3])


@shipped
def test_the_shipped_classifier_loads_and_says_how_it_was_made():
    about = zoo.facts(classifier.NAME)
    assert about["quality"]["test_accuracy"] >= 0.992
    assert about["made"]["steps"] > 0 and about["made"]["precision"] == "bf16"
    assert classifier.load()(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


@shipped
@real_digits
def test_the_shipped_classifier_reads_as_well_as_it_says():
    images, labels = data.load("test")
    told = zoo.facts(classifier.NAME)["quality"]["test_accuracy"]
    assert classifier.accuracy(classifier.load(), images, labels) == pytest.approx(told, abs=2e-4)
