"""Draws caffeine."""
from rdkit import Chem
from rdkit.Chem import Draw

molecule = Chem.MolFromSmiles("CN1C=NC2=C1C(=O)N(C(=O)N2C)C")
picture = Draw.MolToImage(molecule, size=(200, 200))
print("atoms:", molecule.GetNumAtoms(), "picture:", picture.size)
