// Package eval says how good generated pictures are, and how sure it is.
//
// Four kinds of measure, each in files of its own:
//
//   - paired: MSE, PSNR, SSIM, MS-SSIM between two pictures that should be equal ([MSE], [PSNR], [SSIM], [MSSSIM]; [ComparePairs] for
//     two sets);
//   - of distributions, between two matrices of feature vectors: [Frechet] distance, kernel distances ([KID], [MMD]), [Manifold]
//     (precision, recall, density, coverage), [SlicedWasserstein], [InceptionScore];
//   - of memory: [Copies] counts samples that are training pictures, [FindLeaks] held-out pictures that are;
//   - of confidence: every measure returns a [Figure] with the number of pictures and a 95 % interval; [ExtrapolateFrechet] goes to
//     infinitely many pictures, [RealAgainstReal] gives the value that a perfect generator would get.
//
// A [Space] turns pictures into feature vectors: [PixelSpace] and [DCTSpace] here, networks elsewhere. [Extract] streams a set of pictures
// through one.
//
// Paired measures are on the 0…255 scale whatever the pictures are: samples of 16 bits are divided by 257, floats, whose white is 1, are
// multiplied by 255. Matrix products run on the compute.Backend that a function is given.
package eval
